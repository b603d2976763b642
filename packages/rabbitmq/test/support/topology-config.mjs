// #region config
import { connect } from 'amqplib';
import { topology } from './topology.mjs';

export default { connect: () => connect(process.env.AMQP_URL), topology };
// #endregion
