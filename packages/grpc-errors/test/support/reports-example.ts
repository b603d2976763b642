// What the guides show; test/guides.int.spec.ts runs it.
import 'reflect-metadata';
import { fileURLToPath } from 'node:url';
import type { ServerDuplexStream } from '@grpc/grpc-js';
import { MessageContext, MessageContextModule } from '@acme/nest-message-context';
import {
  GrpcClientsModule,
  GrpcDeadline,
  GrpcError,
  GrpcErrorsModule,
  InjectGrpcService,
  recommendedLoader,
  type GrpcService,
} from '@acme/nest-grpc-errors';
import { Controller, Inject, Injectable, Module, type DynamicModule } from '@nestjs/common';
import {
  GrpcMethod,
  GrpcStreamCall,
  GrpcStreamMethod,
  Transport,
  type GrpcOptions,
} from '@nestjs/microservices';
import { concatMap, count, from, lastValueFrom, type Observable } from 'rxjs';

export interface Report {
  readonly id: string;
  readonly text: string;
}

/** Where reports come from, and what is done with them. */
export abstract class ReportStore {
  abstract readonly url: string;
  abstract changes(id: string, signal: AbortSignal): AsyncIterable<Report>;
  abstract save(report: Report): Promise<Report>;
}

@GrpcError<ReportLockedError>({ code: 'ABORTED', metadata: ['id'], retryAfter: '2s' })
export class ReportLockedError extends Error {
  constructor(readonly id: string) {
    super(`Report ${id} is being edited.`);
  }
}

@Controller()
class ReportsController {
  constructor(@Inject(ReportStore) private readonly store: ReportStore) {}

  // #region deadline
  @GrpcDeadline('2s')
  @GrpcMethod('reports.v1.ReportService')
  async getReport({ id }: { id: string }): Promise<Report> {
    const { signal } = MessageContext.require().message;
    const response = await fetch(`${this.store.url}/${id}`, { signal });
    return { id, text: await response.text() };
  }
  // #endregion

  // #region server-stream
  @GrpcMethod('reports.v1.ReportService')
  watchReports({ id }: { id: string }): Observable<Report> {
    const { signal } = MessageContext.require().message;
    return from(this.store.changes(id, signal));
  }
  // #endregion

  // #region client-stream
  @GrpcStreamMethod('reports.v1.ReportService')
  async importReports(reports: Observable<Report>): Promise<{ count: number }> {
    const saved = reports.pipe(concatMap((report) => this.store.save(report)));
    return { count: await lastValueFrom(saved.pipe(count())) };
  }
  // #endregion

  // #region bidi
  @GrpcStreamMethod('reports.v1.ReportService')
  editReports(reports: Observable<Report>): Observable<Report> {
    return reports.pipe(concatMap((report) => this.store.save(report)));
  }
  // #endregion

  // #region pass-through
  @GrpcStreamCall('reports.v1.ReportService')
  async copyReports(call: ServerDuplexStream<Report, Report>): Promise<void> {
    for await (const report of call as AsyncIterable<Report>)
      call.write(await this.store.save(report));
    call.end();
  }
  // #endregion
}

const protoPath = fileURLToPath(new URL('./reports.proto', import.meta.url));

export const transport = (url: string): GrpcOptions =>
  // #region transport
  ({
    transport: Transport.GRPC,
    options: { package: 'reports.v1', protoPath, url, loader: recommendedLoader },
  });
// #endregion

/** The service, with its store. */
export function reportsModule(store: ReportStore): DynamicModule {
  @Module({
    imports: [
      // #region trust
      // Reached by services of ours alone, which have checked who their callers are.
      MessageContextModule.forRoot({ trustIdentity: () => true }),
      // #endregion
      // #region allowed
      GrpcErrorsModule.forRoot({
        domain: 'reports.acme.dev',
        deadline: { default: '10s', max: '30s', minRemaining: '50ms' },
      }),
      // #endregion
    ],
    controllers: [ReportsController],
    providers: [{ provide: ReportStore, useValue: store }],
  })
  class ReportsModule {}
  return { module: ReportsModule };
}

interface ReportServiceClient {
  getReport(request: { id: string }): Observable<Report>;
  watchReports(request: { id: string }): Observable<Report>;
  importReports(reports: Observable<Report>): Observable<{ count: number }>;
  editReports(reports: Observable<Report>): Observable<Report>;
  copyReports(reports: Observable<Report>): Observable<Report>;
}

@Injectable()
export class Reports {
  constructor(
    @InjectGrpcService('reports.v1.ReportService')
    readonly service: GrpcService<ReportServiceClient>,
  ) {}

  // #region call
  async get(id: string, tenantId: string): Promise<Report> {
    return this.service.getReport(
      { id },
      { timeout: '800ms', metadata: { 'x-tenant-id': tenantId } },
    );
  }
  // #endregion

  // #region for-await
  async firstChange(id: string): Promise<Report | undefined> {
    for await (const report of this.service.watchReports({ id }, { timeout: '1h' })) return report;
    return undefined;
  }
  // #endregion

  // #region send
  async import(reports: AsyncIterable<Report>): Promise<number> {
    const { count: imported } = await this.service.importReports(reports, { timeout: '1m' });
    return imported;
  }
  // #endregion
}

/** Those who call it. */
export function callersModule(url: string): DynamicModule {
  @Module({
    imports: [
      MessageContextModule.forRoot(),
      GrpcClientsModule.register([
        {
          url,
          packages: 'reports.v1',
          protoPath,
          errors: { 'reports.acme.dev': [ReportLockedError] },
        },
      ]),
    ],
    providers: [Reports],
  })
  class CallersModule {}
  return { module: CallersModule };
}
