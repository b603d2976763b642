// As files do that read the environment.
console.log('[env] 3 variables');
export { AppModule } from './app.module.mjs';
