// Starts a child that would run for ever, and tells its pid.
import { spawnChild } from '../../dist/index.js';

const child = spawnChild(new URL('./talker.mjs', import.meta.url));
await child.waitForLine('started');
process.send({ pid: child.pid });
