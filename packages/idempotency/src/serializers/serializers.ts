import { Inject, Injectable } from '@nestjs/common';
import { ApplicationConfig, ModulesContainer } from '@nestjs/core';
import type { StageHandler } from '@acme/nest-message-context';
import { IdempotencyConfigurationError } from '../idempotency.errors.js';
import { attendTo } from './serialization.js';
import { interceptsByItself, isSerializer, isSerializerClass } from './serializer.js';

/** Nest's key for `@UseInterceptors()`. */
const INTERCEPTORS = '__interceptors__';

const REMEDY = 'give @Idempotent({ serialize }), for example serialize: instanceToPlain';

/** Finds the serializers that may stand around handlers: `ClassSerializerInterceptor`, its like, and what extends them. */
@Injectable()
export class Serializers {
  /** As they were at boot; those that are added later are another list. */
  #global: readonly unknown[] | undefined;

  constructor(
    @Inject(ApplicationConfig) private readonly config: ApplicationConfig,
    @Inject(ModulesContainer) private readonly modules: ModulesContainer,
  ) {}

  /** Attends to those of a handler at boot, and says which cannot be asked. */
  attend({ method, owner }: Pick<StageHandler, 'method' | 'owner'>): string[] {
    this.#global = this.config.getGlobalInterceptors();
    const perRequest = this.config
      .getGlobalRequestInterceptors()
      .filter(({ metatype }) => isSerializerClass(metatype));
    const bound = [owner, method].flatMap(
      (target) => (Reflect.getMetadata(INTERCEPTORS, target) ?? []) as unknown[],
    );
    return [
      ...perRequest.map(({ metatype }) => notOne(metatype)),
      ...[...this.#global, ...bound].flatMap((one) =>
        isSerializerClass(one) ? this.attendToClass(one) : attendToInstance(one),
      ),
    ];
  }

  /**
   * Nobody can say whether a serializer that came after boot stands around a handler: Nest has made most of them by then.
   * @throws {IdempotencyConfigurationError}
   */
  refuseLate(): void {
    const present = this.config.getGlobalInterceptors();
    if (this.#global === undefined || present === this.#global) return;
    const late = present.filter((one) => isSerializer(one) && !this.#global!.includes(one));
    if (late.length > 0)
      throw new IdempotencyConfigurationError([
        `app.useGlobalInterceptors(): ${late.map(nameOf).join(', ')} was given when the application had been initialised, so it is around some handlers and not around others. Call it before app.init() and app.listen().`,
      ]);
    this.#global = present;
  }

  /** Of a class, Nest has an instance in every module that uses it. */
  private attendToClass(type: unknown): string[] {
    const wrappers = [...this.modules.values()].flatMap(
      ({ injectables }) => injectables.get(type as never) ?? [],
    );
    return wrappers.flatMap((wrapper) =>
      wrapper.isTransient || !wrapper.isDependencyTreeStatic() || !isSerializer(wrapper.instance)
        ? notOne(type)
        : attendToInstance(wrapper.instance),
    );
  }
}

function attendToInstance(interceptor: unknown): string[] {
  if (!isSerializer(interceptor)) return [];
  if (interceptsByItself(interceptor))
    return [
      `${nameOf(interceptor)} has an intercept() of its own, so nobody can tell what it leaves of a reply before that is stored. Let it override serialize() or getContextOptions() instead, or ${REMEDY}.`,
    ];
  attendTo(interceptor);
  return [];
}

const notOne = (type: unknown): string =>
  `${(type as { name: string }).name} is made anew for every request or injection, so it cannot be asked what it leaves of a reply before that is stored. Let it have the default scope and no request-scoped dependencies, or ${REMEDY}.`;

const nameOf = (interceptor: unknown): string => (interceptor as object).constructor.name;
