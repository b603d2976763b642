import { EXIT, type Program, versionOf } from '@acme/nest-message-context/cli';
import {
  isRabbitMqError,
  type InterruptedError,
  type QueueUnavailableError,
  type RabbitMqConfigurationError,
} from '../rabbitmq.errors.js';
import { COMMANDS } from './commands/index.js';
import { openBroker, type OpenBroker } from './open-broker.js';
import { OPTIONS, type Values } from './options.js';
import { doneSoFar } from './done-so-far.js';

const NOT_FOUND = 404;

export const PROGRAM: Program<Values, OpenBroker> = {
  name: 'nest-rabbitmq',
  about:
    'Looks after dead-letter queues and topologies, those of @acme/nest-rabbitmq and of everybody else.',
  nothing: 'no such queue or message; the topology is not as wanted',
  place: 'broker',
  options: OPTIONS,
  commands: COMMANDS,

  version: () => versionOf(import.meta.url),

  open: openBroker,

  // A broker is ready or cannot be reached.
  async assertReady() {},

  explain(error) {
    if (isRabbitMqError(error, 'RABBITMQ_CONFIGURATION')) {
      const { code, problems } = error as RabbitMqConfigurationError;
      return { exit: EXIT.usage, code, message: problems.join('\n') };
    }
    if (isRabbitMqError(error, 'RABBITMQ_QUEUE_UNAVAILABLE')) {
      const { code, message, cause } = error as QueueUnavailableError;
      const isMissing = (cause as { code?: unknown } | undefined)?.code === NOT_FOUND;
      return { exit: isMissing ? EXIT.nothing : EXIT.failed, code, message };
    }
    if (isRabbitMqError(error, 'RABBITMQ_INTERRUPTED')) {
      const { code, message, report } = error as InterruptedError;
      return { exit: EXIT.failed, code, message: [message, ...doneSoFar(report)].join(' ') };
    }
    return undefined;
  },
};
