import 'reflect-metadata';
import { GrpcClientsModule, InjectGrpcService, type GrpcService } from '@acme/nest-grpc-errors';
import { Controller, Injectable, type DynamicModule } from '@nestjs/common';
import { GrpcMethod } from '@nestjs/microservices';
import { fileURLToPath } from 'node:url';
import type { Observable } from 'rxjs';

interface Message {
  readonly id: string;
}

interface ProbeV1 {
  unary(request: Message): Observable<Message>;
}

interface ProbeV2 {
  unary(request: Message): Observable<Message & { readonly version: string }>;
}

export const protoPath = ['./probe.proto', './probe-v2.proto'].map((file) =>
  fileURLToPath(new URL(file, import.meta.url)),
);

// #region server
@Controller()
export class ProbeController {
  @GrpcMethod('probe.v1.Probe', 'Unary')
  first({ id }: Message): Message {
    return { id };
  }

  @GrpcMethod('probe.v2.Probe', 'Unary')
  second({ id }: Message): Message & { version: string } {
    return { id, version: '2' };
  }
}
// #endregion

export const versions = (url: string): DynamicModule =>
  GrpcClientsModule.register([{ url, packages: ['probe.v1', 'probe.v2'], protoPath }]);

// #region client
@Injectable()
export class Versions {
  constructor(
    @InjectGrpcService('probe.v1.Probe') readonly v1: GrpcService<ProbeV1>,
    @InjectGrpcService('probe.v2.Probe') readonly v2: GrpcService<ProbeV2>,
  ) {}
}
// #endregion
