// The configuration of the guide, with names of the test that runs it.
import config from './topology-config.mjs';

const { PREFIX = '' } = process.env;
const { exchanges, queues, bindings } = config.topology;
const prefixed = ({ name, ...rest }) => ({ ...rest, name: `${PREFIX}${name}` });

export default {
  ...config,
  topology: {
    exchanges: exchanges.map(prefixed),
    queues: queues.map(prefixed),
    bindings: bindings.map(({ source, queue, ...rest }) => ({
      ...rest,
      source: `${PREFIX}${source}`,
      queue: `${PREFIX}${queue}`,
    })),
  },
};
