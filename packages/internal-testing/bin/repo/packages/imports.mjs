import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { dirname, join } from 'node:path';
import ts from 'typescript';

/**
 * What the emitted code and types import must be there once the package is installed. An optional peer may be absent: a
 * type that names it, or a plain import of it, breaks exactly the users who do without. Loaded only when needed it must
 * still be declared, or a strict package manager hides it from us. What only a sub-path reaches is for those who have it.
 */
export function importProblems({ unpacked, packed }) {
  const declared = new Set([packed.name, ...Object.keys(packed.dependencies ?? {})]);
  const optional = new Set();
  for (const name of Object.keys(packed.peerDependencies ?? {})) {
    (packed.peerDependenciesMeta?.[name]?.optional ? optional : declared).add(name);
  }
  const problems = [];
  const dist = join(unpacked, 'dist');
  const main = new Set(
    ['esm', 'cjs'].flatMap((format) =>
      ['index.js', 'index.d.ts'].flatMap((entry) => [...reachedFrom(join(dist, format, entry))]),
    ),
  );
  for (const file of readdirSync(dist, { recursive: true, encoding: 'utf8' })) {
    if (!/\.(d\.ts|js)$/.test(file)) continue;
    for (const { name, deferred } of packagesImportedBy(join(dist, file))) {
      if (declared.has(name)) continue;
      if (optional.has(name) && (deferred || !main.has(join(dist, file)))) continue;
      const fault = optional.has(name)
        ? 'is an optional peer'
        : 'is neither a dependency nor a peer';
      problems.push(`dist/${file} imports ${name}, which ${fault}`);
    }
  }
  return [...new Set(problems)];
}

/** A file and everything of the package that it imports. */
function reachedFrom(file, reached = new Set()) {
  if (reached.has(file) || !existsSync(file)) return reached;
  reached.add(file);
  const { importedFiles } = ts.preProcessFile(readFileSync(file, 'utf8'), true, true);
  for (const { fileName } of importedFiles) {
    if (!fileName.startsWith('.')) continue;
    const target = join(dirname(file), fileName);
    reachedFrom(file.endsWith('.d.ts') ? target.replace(/\.js$/, '.d.ts') : target, reached);
  }
  return reached;
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
