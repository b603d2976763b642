/** Whether the broker has named a queue: each connection then has another. */
export const isServerNamed = (queue: string): boolean => queue === '' || queue.startsWith('amq.');
