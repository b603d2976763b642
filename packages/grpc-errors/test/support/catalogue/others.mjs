import { GrpcErrorsModule } from '@acme/nest-grpc-errors';
import { Module } from '@nestjs/common';

const module = (imports, providers = []) => {
  class Some {}
  Module({ imports, providers })(Some);
  return Some;
};
const ofDomain = (domain) => module([GrpcErrorsModule.forRoot({ domain })]);

export const WithoutErrors = module([]);
export const Twice = module([ofDomain('a.test'), ofDomain('b.test')]);
class Lost {}
Reflect.defineMetadata('design:paramtypes', [class Missing {}], Lost);
export const Broken = module([], [Lost]);
