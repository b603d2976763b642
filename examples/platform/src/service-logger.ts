import { MessageContext } from '@acme/nest-message-context';
import { ConsoleLogger, type LogLevel } from '@nestjs/common';

/** Writes one JSON object per line, with the service's name and the id of the work it belongs to. */
export class ServiceLogger extends ConsoleLogger {
  constructor(private readonly service: string) {
    super({ json: true });
  }

  protected override getJsonLogObject(
    message: unknown,
    options: { context: string; logLevel: LogLevel },
  ) {
    const { service } = this;
    const correlationId = MessageContext.current()?.correlationId;
    // JSON leaves out what is undefined.
    return { service, correlationId, ...super.getJsonLogObject(message, options) };
  }
}
