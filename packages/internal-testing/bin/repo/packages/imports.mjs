import { readFileSync, readdirSync } from 'node:fs';
import { isBuiltin } from 'node:module';
import { join } from 'node:path';
import ts from 'typescript';

/**
 * What the emitted code and types import must be there once the package is installed. An optional peer may be absent:
 * a type that names it, or a plain import of it, breaks exactly the users who do without.
 */
export function importProblems({ unpacked, packed }) {
  const required = new Set([packed.name, ...Object.keys(packed.dependencies ?? {})]);
  const optional = new Set();
  for (const name of Object.keys(packed.peerDependencies ?? {})) {
    (packed.peerDependenciesMeta?.[name]?.optional ? optional : required).add(name);
  }
  const problems = new Set();
  for (const file of readdirSync(join(unpacked, 'dist'), { recursive: true, encoding: 'utf8' })) {
    if (!/\.(d\.ts|js)$/.test(file)) continue;
    for (const name of packagesImportedBy(join(unpacked, 'dist', file))) {
      if (required.has(name)) continue;
      problems.add(
        optional.has(name)
          ? `dist/${file} imports the optional peer ${name}`
          : `dist/${file} imports ${name}, which is neither a dependency nor a peer`,
      );
    }
  }
  return [...problems];
}

function packagesImportedBy(file) {
  const isTypes = file.endsWith('.d.ts');
  const text = readFileSync(file, 'utf8');
  const { importedFiles, typeReferenceDirectives } = ts.preProcessFile(text, true, !isTypes);
  const named = importedFiles.filter(({ pos }) => isTypes || !isDeferred(text, pos));
  return new Set(
    [...named, ...typeReferenceDirectives]
      .map(({ fileName }) => fileName)
      .filter(
        (specifier) => !specifier.startsWith('.') && !isBuiltin(specifier) && specifier !== 'node',
      )
      .map((specifier) => specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')),
  );
}

// `import('x')` inside a function is how an optional peer is meant to be loaded.
const isDeferred = (text, position) => /import\(\s*$/.test(text.slice(0, position));
