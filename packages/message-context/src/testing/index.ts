import type { ContractCase } from '../kit/contract.js';
import type {
  ArrivedMessage,
  BrokerWay,
  PublisherContractFixture,
  PublisherUnderTest,
} from './publisher-contract.js';
import { faultCases } from './publisher-fault-cases.js';
import { orderCases } from './publisher-order-cases.js';
import { outcomeCases } from './publisher-outcome-cases.js';
import { wireCases } from './publisher-wire-cases.js';

export type {
  ArrivedMessage,
  BrokerWay,
  ContractCase,
  PublisherContractFixture,
  PublisherUnderTest,
};

/**
 * What every `Publisher` to RabbitMQ must do, as cases for any test runner, against a real broker. Cases are independent of
 * one another; the fixture is asked for when a case runs, so it may be made in a `beforeAll`.
 */
export const publisherContract = (fixture: () => PublisherContractFixture): ContractCase[] =>
  Object.entries({ ...outcomeCases, ...orderCases, ...wireCases, ...faultCases }).map(
    ([name, check]) => ({
      name,
      run: async () => {
        const given = fixture();
        const opened = await given.open();
        try {
          await check(opened, given);
        } finally {
          opened.way.restore();
          await opened.publisher.close();
          await opened.dispose();
        }
      },
    }),
  );
