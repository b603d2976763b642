// Redrives QUEUE. With POINT ("before publish", "after publish" …) and COUNT it kills itself when it gets there so often.
import { DeadLetters } from '@acme/nest-rabbitmq';
import { connect } from 'amqplib';
import { dieAtPublishing, pass } from './dying.mjs';

const { TEST_BROKER, QUEUE, RUN } = process.env;

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
  dieAtPublishing(connection);
  return connection;
};

const redrive = async () => {
  const report = await new DeadLetters({ connect: open }).redrive(QUEUE, { resume: RUN });
  process.send({ redriven: report.redriven });
  process.disconnect();
};
process.once('message', () => void redrive());
