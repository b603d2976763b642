// CommonJS, and with another copy of the package than the command line is of.
require('reflect-metadata');
const { dirname, join } = require('node:path');
const { Module } = require('@nestjs/common');

const root = dirname(require.resolve('@acme/nest-grpc-errors/package.json'));
const { GrpcError, GrpcErrorsModule } = require(join(root, 'dist/cjs/index.js'));

class CartLockedError extends Error {}
GrpcError({ code: 'FAILED_PRECONDITION', metadata: ['cartId'] })(CartLockedError);

class ShopModule {}
Module({ imports: [GrpcErrorsModule.forRoot({ domain: 'shop.test' })] })(ShopModule);

// In a way that Node does not see before it runs.
Object.assign(exports, { ShopModule });
