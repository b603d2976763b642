export default async () => {
  process.env.SHOP = 'open';
  const { default: module } = await import('./async.module.mjs');
  return { module, domain: 'configured.test', close: () => process.stderr.write('closed\n') };
};
