// What children share that kill themselves at POINT ("before declare", "after publish" …) when they get there for the COUNT-th time.
const { POINT, COUNT } = process.env;

let passed = 0;
/** The signal is there before the call returns. */
export const pass = (point) => {
  if (point !== POINT || (passed += 1) < Number(COUNT)) return;
  process.kill(process.pid, 'SIGKILL');
};

/** The connection's channels with confirms pass these points with every message. */
export function dieAtPublishing(connection, onPublish = () => {}) {
  const createConfirmChannel = connection.createConfirmChannel.bind(connection);
  connection.createConfirmChannel = async () => {
    const channel = await createConfirmChannel();
    const publish = channel.publish.bind(channel);
    channel.publish = (exchange, key, content, options, confirm) => {
      pass('before publish');
      onPublish(options);
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
}
