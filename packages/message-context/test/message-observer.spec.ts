import 'reflect-metadata';
import { Controller, Get, Global, Module, UseGuards, type CanActivate } from '@nestjs/common';
import { MessageContext, MessageContextModule, MessageObserver } from '@acme/nest-message-context';
import { openApp } from '@acme/internal-testing';
import { expect, it } from 'vitest';

const told: unknown[] = [];

class Guard implements CanActivate {
  canActivate(): boolean {
    told.push(['guard', MessageContext.require()]);
    return true;
  }
}

@Controller()
class Orders {
  @Get('orders')
  @UseGuards(Guard)
  list(): string {
    return 'none';
  }
}

@Global()
@Module({
  providers: [
    {
      provide: MessageObserver,
      useValue: { opened: (context: MessageContext) => told.push(['opened', context]) },
    },
  ],
  exports: [MessageObserver],
})
class ObservingModule {}

@Module({ imports: [MessageContextModule.forRoot(), ObservingModule], controllers: [Orders] })
class AppModule {}

it('tells whoever observes messages of each, once, before its guards', async () => {
  const { url, close } = await openApp(AppModule);
  try {
    await fetch(`${url}/orders`);
    const [, context] = told[0] as [string, MessageContext];
    expect(told).toEqual([
      ['opened', context],
      ['guard', context],
    ]);
    expect(context.message.transport).toBe('http');
  } finally {
    await close();
  }
});
