// The pinned pnpm by hand: `node packages/internal-testing/bin/repo/pnpm.mjs add …`.
import { pnpm } from './install.mjs';

await pnpm(process.argv.slice(2));
