import { Readable } from 'node:stream';
import { Body, Controller, HttpCode, Post, StreamableFile, type Type } from '@nestjs/common';
import { Gate } from './scenario.js';

/** A class with a field that is for nobody's eyes. */
class Customer {
  readonly id = 1;
  readonly secret = 'do not show';
}

/** What a serializer makes of a customer. */
export const withoutSecret = (value: unknown): unknown =>
  value instanceof Customer ? { id: value.id } : value;

/** A controller under one of the two decorators, and what its handlers have done. */
export interface Orders {
  readonly controller: Type;
  /** How often the handler of a path has run. */
  runs(path: string): number;
  /** Holds every run of `slow` back until it is opened. */
  gate: Gate;
}

type Protect = () => MethodDecorator;

/** The same handlers for both: `protect` is the decorator, `protectEntity` the one for a handler that returns an entity. */
export function ordersUnder(protect: Protect, protectEntity: Protect = protect): Orders {
  const paths: string[] = [];
  const runs = (path: string): number => paths.filter((one) => one === path).length;

  @Controller()
  class OrdersController {
    @protect()
    @Post('plain')
    plain(@Body() body: unknown) {
      paths.push('plain');
      return { run: runs('plain'), body };
    }

    @protect()
    @Post('void')
    @HttpCode(204)
    nothing(): void {
      paths.push('void');
    }

    @protectEntity()
    @Post('entity')
    entity(): Customer {
      paths.push('entity');
      return new Customer();
    }

    @protect()
    @Post('file')
    file(): StreamableFile {
      paths.push('file');
      return new StreamableFile(Buffer.from('the file'));
    }

    @protect()
    @Post('stream')
    stream(): Readable {
      paths.push('stream');
      return Readable.from(['the stream']);
    }

    /** Fails once, as a handler does whose database is restarted. */
    @protect()
    @Post('flaky')
    flaky() {
      paths.push('flaky');
      if (runs('flaky') === 1) throw new Error('for the moment');
      return { done: true };
    }

    @protect()
    @Post('slow')
    async slow() {
      paths.push('slow');
      await orders.gate.opened;
      return { slow: true };
    }
  }

  const orders: Orders = { controller: OrdersController, runs, gate: new Gate() };
  return orders;
}
