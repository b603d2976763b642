import { readFileSync, readdirSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import ts from 'typescript';

/**
 * What the emitted code and types import must be there once the package is installed. An optional peer may be absent: a
 * type that names it, or a plain import of it, breaks exactly the users who do without. Loaded only when needed it must
 * still be declared, or a strict package manager hides it from us.
 */
export function importProblems({ unpacked, packed }) {
  const declared = new Set([packed.name, ...Object.keys(packed.dependencies ?? {})]);
  const optional = new Set();
  for (const name of Object.keys(packed.peerDependencies ?? {})) {
    (packed.peerDependenciesMeta?.[name]?.optional ? optional : declared).add(name);
  }
  const problems = [];
  const dist = join(unpacked, 'dist');
  for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(d\.ts|js)$/.test(file)) continue;
    for (const { name, deferred } of packagesImportedBy(join(dist, file))) {
      if (declared.has(name) || (deferred && optional.has(name))) continue;
      const fault = optional.has(name)
        ? 'is an optional peer'
        : 'is neither a dependency nor a peer';
      problems.push(`dist/${file} imports ${name}, which ${fault}`);
    }
  }
  return [...new Set(problems)];
}

/** `{ name, deferred }` for each package that a file imports; deferred is what is loaded only when it is needed. */
function packagesImportedBy(file) {
  const isTypes = file.endsWith('.d.ts');
  const text = readFileSync(file, 'utf8');
  const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(text, true, !isTypes);
  return [...importedFiles, ...typeReferenceDirectives]
    .filter(({ fileName }) => !/^\.|^node$/.test(fileName) && !isBuiltin(fileName))
    .map(({ fileName, pos }) => ({
      name: fileName.split('/', fileName.startsWith('@') ? 2 : 1).join('/'),
      deferred: !isTypes && isDeferred(text, pos),
    }));
}

// `await import('x')`, and what becomes of it in CommonJS.
const isDeferred = (text, position) =>
  /\bimport\(\s*$|=> (?:__importStar\()?require\(\s*$/.test(
    text.slice(Math.max(0, position - 80), position),
  );
