import { EXIT, type Program, versionOf } from '@acme/nest-message-context/cli';
import { isGrpcErrorsError, type GrpcErrorsConfigurationError } from '../grpc-errors.errors.js';
import { COMMANDS } from './commands/index.js';
import { openModule, type OpenModule } from './open-module.js';
import { OPTIONS, type Values } from './options.js';

export const PROGRAM: Program<Values, OpenModule> = {
  name: 'nest-grpc-errors',
  about: 'Lists the errors that a service publishes over gRPC, and sees that they stay.',
  nothing: 'the application answers no errors, or does not keep what was published',
  failed: 'the application could not be loaded',
  place: 'application',
  source: '--module FILE[#NAME] | --config FILE',
  opener: 'the application',
  options: OPTIONS,
  commands: COMMANDS,

  version: () => versionOf(import.meta.url),

  open: openModule,

  // It is loaded or it is not.
  async assertReady() {},

  explain(error) {
    if (!isGrpcErrorsError(error, 'GRPC_ERRORS_CONFIGURATION')) return undefined;
    const { code, message } = error as GrpcErrorsConfigurationError;
    return { exit: EXIT.failed, code, message };
  },
};
