import { COMMON_OPTIONS, type OptionTexts, type ValuesOf } from '@acme/nest-message-context/cli';

/** Every option of every command. */
export const OPTIONS = {
  module: {
    type: 'string',
    value: 'FILE[#NAME]',
    help: 'the module of the application, built: dist/app.module.js#AppModule',
  },
  config: {
    type: 'string',
    value: 'FILE',
    help: 'instead of --module: a module whose default export is, or gives, { module, domain?, close? }',
  },
  domain: {
    type: 'string',
    value: 'NAME',
    help: 'the domain, where GrpcErrorsModule.forRootAsync() has it',
  },
  against: { type: 'string', value: 'FILE', help: 'what was published: a file of --write' },
  write: { type: 'boolean', help: 'put what is new into that file, unless something is broken' },
  ...COMMON_OPTIONS,
} as const satisfies OptionTexts;

/** What was given on the command line. */
export type Values = ValuesOf<typeof OPTIONS>;

/** Options that say which application. */
export const MODULE_OPTIONS = ['module', 'config', 'domain'] as const;

/** For the help of all commands. */
export const MODULE_HELP = `The module is loaded and scanned as Nest does in preview mode: no provider is made and no connection, but
its files run, and want what they want of the environment. Errors are those of classes with @GrpcError()
that are loaded with it, and of mappings of GrpcErrorsModule.forRoot().`;
