export type { ContractCase } from '@acme/nest-message-context/kit';
export { outboxStoreContract, type OutboxStoreFixture } from './store-contract.js';
