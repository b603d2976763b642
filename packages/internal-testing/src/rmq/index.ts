export { openGolevelup } from './golevelup.js';
export { type Handled, openNestConsumer } from './nest-consumer.js';
