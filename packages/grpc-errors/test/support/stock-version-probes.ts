// Two versions of one service: who answers, and who is called.
import { freePort, openMicroservice } from '@acme/internal-testing';
import { MessageContextModule } from '@acme/nest-message-context';
import { GrpcErrorsModule } from '@acme/nest-grpc-errors';
import { Controller, Module, type Type } from '@nestjs/common';
import { GrpcMethod, Transport, type MicroserviceOptions } from '@nestjs/microservices';
import { PROTO, type Message } from './probe-app.js';
import { clientOf, words } from './stock-caller-probes.js';
import { optionsFor, type Probe, type Setting } from './stock-settings.js';

const V2 = PROTO.replace('probe.proto', 'probe-v2.proto');

function versionsModule(name: (version: string) => string, setting: Setting): Type {
  const answers = (version: string): Type => {
    @Controller()
    class Versioned {
      @GrpcMethod(name(version), 'Unary')
      unary(): Message {
        return { id: version };
      }
    }
    return Versioned;
  };
  const { modules = OURS, providers = [] } = optionsFor(setting);
  @Module({
    imports: [...modules],
    controllers: [answers('v1'), answers('v2')],
    providers: [...providers],
  })
  class VersionsModule {}
  return VersionsModule;
}

const transportOf = (url: string): MicroserviceOptions => ({
  transport: Transport.GRPC,
  options: { package: ['probe.v1', 'probe.v2'], protoPath: [PROTO, V2], url },
});

export const twoVersions =
  (name: (version: string) => string): Probe =>
  async (setting) => {
    const url = `127.0.0.1:${await freePort()}`;
    const opened = await openMicroservice(versionsModule(name, setting), transportOf(url)).catch(
      String,
    );
    if (typeof opened === 'string') return 'refused at boot';
    const { close } = opened;
    const said: string[] = [];
    for (const version of ['v1', 'v2']) {
      const packages = [`probe.${version}`];
      const protoPath = [version === 'v1' ? PROTO : V2];
      const client = await clientOf('ours', url, {
        asked: `probe.${version}.Probe`,
        packages,
        protoPath,
      });
      said.push(`${version} by ${(await client.unary({ id: 'a' })).id}`);
      await client.close();
    }
    await close();
    return said.join(', ');
  };

const OURS = [MessageContextModule.forRoot(), GrpcErrorsModule.forRoot({ domain: 'probe.test' })];

/** A client of both versions that asks by the name that both have. */
export const shortName: Probe = async (setting) => {
  const url = `127.0.0.1:${await freePort()}`;
  const { close } = await openMicroservice(
    versionsModule((version) => `probe.${version}.Probe`, setting),
    transportOf(url),
  );
  const wanted = { asked: 'Probe', packages: ['probe.v1', 'probe.v2'], protoPath: [PROTO, V2] };
  const client = await clientOf(setting, url, wanted).catch(String);
  if (typeof client === 'string') {
    await close();
    return 'refused at boot';
  }
  const { id } = await client.unary({ id: 'a' });
  await client.close();
  await close();
  return `${id} is called`;
};

/** A client of both versions, of which the second is wanted. */
export const secondVersion: Probe = async (setting) => {
  const url = `127.0.0.1:${await freePort()}`;
  const wanted = {
    asked: 'probe.v2.Probe',
    packages: ['probe.v1', 'probe.v2'],
    protoPath: [PROTO, V2],
  };
  // Nobody is there: a client that knows the service says so, and one that does not says that.
  const client = await clientOf(setting, url, wanted).catch(String);
  if (typeof client === 'string') return 'not found';
  const said = await client.unary({ id: 'a' }).then(String, words);
  await client.close();
  return said === 'RemoteUnavailableError, UNAVAILABLE' ? 'is called' : said;
};
