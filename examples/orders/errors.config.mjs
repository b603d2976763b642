// #region config
/** The application as `nest-grpc-errors` looks at it: nothing connects, and its configuration only has to be there. */
export default async () => {
  process.env.DATABASE_URL ??= 'postgres://nobody@localhost/none';
  process.env.AMQP_URL ??= 'amqp://localhost';
  const { AppModule } = await import('./dist/app.module.js');
  return { module: AppModule };
};
// #endregion
