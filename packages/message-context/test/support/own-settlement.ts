import { Global, Module } from '@nestjs/common';
import { Settlement, type BrokerAnswer, type Settling } from '@acme/nest-message-context';

/** A settlement as another package provides it; the test says what it answers. */
export class OwnSettlement extends Settlement {
  readonly keepsParked = true;
  readonly asked: Settling[] = [];
  answering: (settling: Settling) => BrokerAnswer | Promise<BrokerAnswer> = () => 'ack';
  onRelease = (): void => {};

  answer(settling: Settling): BrokerAnswer | Promise<BrokerAnswer> {
    this.asked.push(settling);
    return this.answering(settling);
  }

  release(): void {
    this.onRelease();
  }

  /** Answers nothing until the test says what; for the next message, not for what it may come again as. */
  waitForAnswer(): (answer: BrokerAnswer) => void {
    let say!: (answer: BrokerAnswer) => void;
    const answer = new Promise<BrokerAnswer>((done) => (say = done));
    this.answering = () => answer;
    return say;
  }
}

@Global()
@Module({
  providers: [OwnSettlement, { provide: Settlement, useExisting: OwnSettlement }],
  exports: [OwnSettlement, Settlement],
})
export class OwnSettlementModule {}
