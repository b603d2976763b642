import {
  DeadLetters,
  type DeadLetterGroup,
  type PurgeReport,
  type RedriveReport,
} from '@acme/nest-rabbitmq';
import { Inject, Injectable } from '@nestjs/common';

export const QUEUE = 'QUEUE';

/** What somebody does who looks after the parked messages. */
@Injectable()
export class ParkedOrders {
  private readonly dlq: string;

  constructor(
    @Inject(DeadLetters) private readonly deadLetters: DeadLetters,
    @Inject(QUEUE) queue: string,
  ) {
    this.dlq = `${queue}.dlq`;
  }

  // #region groups
  async whatFailed(): Promise<readonly DeadLetterGroup[]> {
    const { groups } = await this.deadLetters.groups(this.dlq);
    return groups;
  }
  // #endregion

  // #region redrive
  bringBack({ fingerprint }: DeadLetterGroup, signal?: AbortSignal): Promise<RedriveReport> {
    return this.deadLetters.redrive(this.dlq, { filter: { fingerprint }, rate: 50, signal });
  }
  // #endregion

  // #region archive
  async archive(fingerprint: string, write: (line: string) => Promise<void>): Promise<PurgeReport> {
    const written = new Set<unknown>();
    for await (const message of this.deadLetters.export(this.dlq, { filter: { fingerprint } })) {
      await write(`${JSON.stringify(message)}\n`);
      written.add(message.properties['messageId']);
    }
    // What has come in since then stays.
    return this.deadLetters.purge(this.dlq, {
      filter: { where: ({ messageId }) => written.has(messageId) },
    });
  }
  // #endregion
}
