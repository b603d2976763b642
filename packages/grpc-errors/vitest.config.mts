export { default } from '../internal-testing/vitest.base.mts';
