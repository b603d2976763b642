import { BadRequestException, type PipeTransform } from '@nestjs/common';
import { z } from 'zod';

const schema = z.object({
  customerId: z.string().min(1).max(100),
  reference: z.string().min(1).max(100),
  amountCents: z.int().positive().max(100_000_000),
});

/** Body of `POST /orders`. */
export type NewOrder = z.infer<typeof schema>;

export class NewOrderPipe implements PipeTransform<unknown, NewOrder> {
  transform(body: unknown): NewOrder {
    const { success, data, error } = schema.safeParse(body);
    if (success) return data;
    throw new BadRequestException(z.prettifyError(error));
  }
}
