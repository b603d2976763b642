// Nest has one handler answer the calls of all packages that have a service of its name.
import 'reflect-metadata';
import { fileURLToPath } from 'node:url';
import { freePort, openApp, openMicroservice } from '@acme/internal-testing';
import { MessageContextModule } from '@acme/nest-message-context';
import { GrpcErrorsConfigurationError, GrpcErrorsModule } from '@acme/nest-grpc-errors';
import { Controller, Module, type Type } from '@nestjs/common';
import {
  EventPattern,
  GrpcMethod,
  Transport,
  type MicroserviceOptions,
} from '@nestjs/microservices';
import { expect, it } from 'vitest';
import { PROTO } from './support/probe-app.js';

@Controller()
class FirstController {
  @GrpcMethod('Probe', 'Unary')
  first(): object {
    return { id: '1' };
  }

  // Of this name there is one only.
  @GrpcMethod('Probe', 'Read')
  read(): object {
    return { id: '1' };
  }
}

@Controller()
class SecondController {
  @GrpcMethod('Probe', 'Unary')
  second(): object {
    return { id: '2' };
  }
}

function moduleOf(...controllers: Type[]): Type {
  @Module({
    imports: [MessageContextModule.forRoot(), GrpcErrorsModule.forRoot({ domain: 'probe.test' })],
    controllers,
  })
  class VersionsModule {}
  return VersionsModule;
}

async function transport(): Promise<MicroserviceOptions> {
  return {
    transport: Transport.GRPC,
    options: {
      package: ['probe.v1', 'probe.v2'],
      protoPath: [PROTO, fileURLToPath(new URL('./support/probe-v2.proto', import.meta.url))],
      url: `127.0.0.1:${await freePort()}`,
    },
  };
}

const PROBLEM = [
  "FirstController.first, SecondController.second: one handler would answer the calls of probe.v1.Probe and probe.v2.Probe, as it names its service without a package. Name it in full, for each of them: @GrpcMethod('probe.v1.Probe', 'Unary').",
];

it('refuses to start where one handler would answer for two packages', async () => {
  const opening = openMicroservice(moduleOf(FirstController, SecondController), await transport());
  const error: unknown = await opening.catch((thrown: unknown) => thrown);
  expect(error).toBeInstanceOf(GrpcErrorsConfigurationError);
  expect((error as GrpcErrorsConfigurationError).problems).toEqual(PROBLEM);
});

it('refuses to start a hybrid application that has such a server', async () => {
  const microservices = [await transport()];
  await expect(
    openApp(moduleOf(FirstController, SecondController), { microservices }),
  ).rejects.toThrow(PROBLEM[0]);
});

it('starts where the names are in full, or one package alone has the method', async () => {
  @Controller()
  class FullController {
    @GrpcMethod('probe.v1.Probe', 'Unary')
    first(): object {
      return { id: '1' };
    }

    @GrpcMethod('probe.v2.Probe', 'Unary')
    second(): object {
      return { id: '2' };
    }

    @GrpcMethod('Probe', 'Read')
    read(): object {
      return { id: '1' };
    }
  }
  const { close, log } = await openMicroservice(moduleOf(FullController), await transport());
  await close();
  expect(log.messages('warn')).toEqual([]);
});

it('warns of handlers that no call comes to', async () => {
  @Controller()
  class MisspeltController {
    @GrpcMethod('probe.v1.Probe', 'Unary')
    unary(): object {
      return { id: '1' };
    }

    @GrpcMethod('probe.v1.Probe')
    raed(): object {
      return { id: '1' };
    }

    // Of another server, perhaps.
    @GrpcMethod('Elsewhere', 'Unary')
    read(): object {
      return { id: '1' };
    }
  }
  @Controller()
  class LostController {
    @GrpcMethod('Prob', 'Unary')
    unary(): object {
      return { id: '1' };
    }

    // Of no gRPC: Nest gives it to each server.
    @EventPattern({ cmd: 'lost' })
    lost(): void {}
  }
  const told = async (...controllers: Type[]): Promise<string[]> => {
    const { log } = await openMicroservice(moduleOf(...controllers), await transport());
    return log.messages('warn');
  };
  await expect(told(MisspeltController, LostController)).resolves.toEqual([
    'MisspeltController.raed gets no calls: the proto files of its server have no probe.v1.Probe/Raed. Name it in its decorator as they do.',
  ]);
  await expect(told(LostController)).resolves.toEqual([
    'LostController.unary gets no calls: the proto files of its server have no Prob/Unary. Name it in its decorator as they do.',
  ]);
});
