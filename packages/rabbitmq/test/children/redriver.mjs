// Redrives QUEUE. With POINT ("before publish", "after publish" …) and COUNT it kills itself when it gets there so often.
import { DeadLetters } from '@acme/nest-rabbitmq';
import { connect } from 'amqplib';

const { TEST_BROKER, QUEUE, POINT, COUNT, RUN } = process.env;

let passed = 0;
/** The signal is there before the call returns. */
const pass = (point) => {
  if (point !== POINT || (passed += 1) < Number(COUNT)) return;
  process.kill(process.pid, 'SIGKILL');
};

const open = async () => {
  const connection = await connect(TEST_BROKER);
  const createChannel = connection.createChannel.bind(connection);
  connection.createChannel = async () => {
    const channel = await createChannel();
    const consume = channel.consume.bind(channel);
    channel.consume = (queue, onMessage, options) =>
      consume(
        queue,
        (message) => {
          pass('after delivery');
          onMessage(message);
        },
        options,
      );
    const ack = channel.ack.bind(channel);
    channel.ack = (message) => {
      pass('before ack');
      ack(message);
      setImmediate(() => setImmediate(pass, 'after ack'));
    };
    const close = channel.close.bind(channel);
    channel.close = () => {
      pass('before close');
      return close();
    };
    return channel;
  };
  const createConfirmChannel = connection.createConfirmChannel.bind(connection);
  connection.createConfirmChannel = async () => {
    const channel = await createConfirmChannel();
    const publish = channel.publish.bind(channel);
    channel.publish = (exchange, key, content, options, confirm) => {
      pass('before publish');
      const more = publish(exchange, key, content, options, (error) => {
        // The broker has it, and nobody here knows.
        pass('after publish');
        confirm(error);
      });
      // It is on its way by then.
      setImmediate(() => setImmediate(pass, 'during publish'));
      return more;
    };
    return channel;
  };
  return connection;
};

const redrive = async () => {
  const report = await new DeadLetters({ connect: open }).redrive(QUEUE, { resume: RUN });
  process.send({ redriven: report.redriven });
  process.disconnect();
};
process.once('message', () => void redrive());
