// Answers what it is sent, and says on standard output what it is told to say.
process.on('message', (message) => {
  if (message === 'leave') setImmediate(() => process.disconnect());
  else process.send({ echo: message, env: process.env.GREETING, args: process.argv.slice(2) });
});
if (process.argv.includes('--polite')) process.once('SIGTERM', () => process.disconnect());
console.log(`started ${process.pid}`);
