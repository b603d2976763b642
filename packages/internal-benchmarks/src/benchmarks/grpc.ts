import { defineBenchmark } from '../benchmark.js';
import { figures, type Key } from './grpc/figures.js';
import { clientCosts, serverCosts, type ServerCosts } from './grpc/in-process.js';
import { FULL, QUICK, type Loads } from './grpc/loads.js';
import { overTheWire } from './grpc/over-the-wire.js';
import { whatIsLeft } from './grpc/what-is-left.js';

/** What gRPC costs on Nest, in process and over loopback: each subject in a process of its own, as it is in production. */
export const grpcWith = (loadsOf: (quick: boolean) => Loads) =>
  defineBenchmark<Key>({
    name: 'grpc',
    title: 'What errors, deadlines and contexts cost over gRPC',
    services: [],
    figures,
    bars: {
      successOverNestBareMicros: { atMost: 5 },
      richErrorMicros: { atMost: 25 },
      clientDecodeMicros: { atMost: 5 },
      vsNiceGrpcError: { atMost: 0.5 },
      thousandMappingsVsOne: { atMost: 1.15 },
      listenersLeft: { atMost: 0 },
    },
    versionsOf: [
      '@acme/nest-grpc-errors',
      '@grpc/grpc-js',
      'nice-grpc',
      'nice-grpc-error-details',
      '@connectrpc/connect-node',
    ],
    run: async (run) => {
      const loads = loadsOf(run.quick);
      const on11 = await serverCosts(11, run, loads);
      const on12 = await serverCosts(12, run, loads);
      const worse = (figure: (costs: ServerCosts) => number): number =>
        Math.max(figure(on11), figure(on12));
      const over = (other: 'bare' | 'oneInterceptor') =>
        worse(({ success }) => success('ours') - success(other));
      run.figure('successOverNestBareMicros', over('bare'));
      run.figure('successOverOneInterceptorMicros', over('oneInterceptor'));
      run.figure(
        'richErrorMicros',
        worse(({ refusal }) => refusal('ours')),
      );
      run.figure('vsNiceGrpcError', on11.refusal('ours') / on11.refusal('niceDetails'));
      run.figure('thousandMappingsVsOne', on11.refusal('oursThousand') / on11.refusal('ours'));
      await clientCosts(run, loads);
      await whatIsLeft(run, loads);
      await overTheWire(run, loads);
    },
  });

/** `npm run bench -- grpc`. */
export const grpc = grpcWith((quick) => (quick ? QUICK : FULL));
