import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import ts from 'typescript';
import { capture } from '../shell.mjs';
import { entries } from './manifest.mjs';

/** Both formats and the types must export the same names, each with a docstring, each value named by a spec. */
export async function exportProblems(one) {
  const problems = [];
  const specs = specText(join(one.path, 'test'));
  for (const [entry, conditions] of entries(one.packed)) {
    try {
      const found = await entryProblems(one, conditions, specs);
      problems.push(...found.map((problem) => `exports["${entry}"]: ${problem}`));
    } catch (error) {
      const reason = String(error.stderr).match(/^.*Error.*$/m) ?? error.message;
      problems.push(`exports["${entry}"] cannot be loaded: ${reason}`);
    }
  }
  return problems;
}

async function entryProblems(one, conditions, specs) {
  const declared = declaredIn(join(one.path, conditions.import.types));
  const esm = await namesOf(join(one.path, conditions.import.default), one.path);
  const cjs = await namesOf(join(one.path, conditions.require.default), one.path);
  const values = declared.filter(({ value }) => value).map(({ name }) => name);
  const undocumented = declared.filter(({ documented }) => !documented).map(({ name }) => name);
  const untested = esm.filter((name) => !new RegExp(`\\b${name}\\b`).test(specs));
  return [
    ['missing in CommonJS', without(esm, cjs)],
    ['missing in ESM', without(cjs, esm)],
    ['not in the types', without(esm, values)],
    ['in the types only', without(values, esm)],
    ['without a docstring', undocumented],
    ['in no spec', untested],
  ]
    .filter(([, names]) => names.length > 0)
    .map(([what, names]) => `${what}: ${names.join(', ')}`);
}

const without = (names, others) => names.filter((name) => !others.includes(name));

/** The names a module exports at run time, asked of a fresh process so that no package can hide another's mistake. */
async function namesOf(file, cwd) {
  const code = `import('node:module').then(async ({ createRequire }) => {
    const namespace = ${/[\\/]cjs[\\/]/.test(file) ? 'createRequire(process.argv[1])' : 'await import'}(process.argv[1]);
    console.log(JSON.stringify(Object.keys(namespace)));
  })`;
  const names = JSON.parse(await capture(process.execPath, ['-e', code, file], { cwd }));
  return names.filter((name) => name !== '__esModule').sort();
}

function declaredIn(file) {
  const program = ts.createProgram([file], {
    module: ts.ModuleKind.NodeNext,
    skipLibCheck: true,
    types: [],
  });
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(file);
  const module = source && checker.getSymbolAtLocation(source);
  if (!module) return [];
  return checker.getExportsOfModule(module).map((exported) => {
    const symbol =
      exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
    return {
      name: exported.name,
      value: (symbol.flags & ts.SymbolFlags.Value) !== 0 && !isTypeOnly(exported),
      documented: symbol.getDocumentationComment(checker).length > 0,
    };
  });
}

/** `export type { SomeClass }` */
const isTypeOnly = ({ declarations = [] }) =>
  declarations.some(
    (one) => ts.isExportSpecifier(one) && (one.isTypeOnly || one.parent.parent.isTypeOnly),
  );

function specText(folder) {
  if (!existsSync(folder)) return '';
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts'))
    .map((file) => readFileSync(join(folder, file), 'utf8'))
    .join('\n');
}
