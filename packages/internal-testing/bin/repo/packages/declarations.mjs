import { join, relative } from 'node:path';
import ts from 'typescript';

const OURS = '/node_modules/@acme/';

/**
 * What the compiler finds in our declaration files when it does not skip them: a name that only a development dependency
 * declares, or one that another compiler setting makes wrong, is `any` to everybody who skips and an error to all others.
 * What is wrong in files of others is not ours to mend.
 */
export function declarationProblems(folder) {
  const file = join(folder, 'tsconfig.json');
  const { config, error } = ts.readConfigFile(file, ts.sys.readFile);
  if (error) return [`tsconfig.json: ${textOf(error)}`];
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, folder, {}, file);
  const program = ts.createProgram([join(folder, 'src/entry-points.ts')], {
    ...options,
    skipLibCheck: false,
    noEmit: true,
    exactOptionalPropertyTypes: true,
    // A service has no DOM, and where it is left out our types must not need it.
    lib: ['lib.es2022.d.ts'],
  });
  const ours = program.getSourceFiles().filter(({ fileName }) => fileName.includes(OURS));
  if (ours.length === 0)
    return ['no declaration file of ours was found: the entry points are not installed'];
  return ours
    .flatMap((source) => [
      ...program.getSyntacticDiagnostics(source),
      ...program.getSemanticDiagnostics(source),
    ])
    .map((found) => `${place(found, folder)}: ${textOf(found)}`);
}

function place({ file, start }, folder) {
  const { line } = file.getLineAndCharacterOfPosition(start);
  return `${relative(folder, file.fileName)}:${line + 1}`;
}

const textOf = ({ code, messageText }) =>
  `TS${code} ${ts.flattenDiagnosticMessageText(messageText, ' ')}`;
