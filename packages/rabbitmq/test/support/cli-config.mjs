// #region config
import { connect } from 'amqplib';

export default () => {
  const { AMQP_URL, AMQP_HEARTBEAT = '30' } = process.env;
  return { connect: () => connect(`${AMQP_URL}?heartbeat=${AMQP_HEARTBEAT}`) };
};
// #endregion
