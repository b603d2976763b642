/** What is reported, each with its meaning and unit. */
export const figures = {
  successOverNestBareMicros:
    'µs of CPU that the transport door and everything that the server side has add to a call; the worse Nest',
  successOverOneInterceptorMicros:
    'the same over Nest with one interceptor that does nothing; the worse Nest',
  richErrorMicros:
    'µs of CPU of a call that is refused with ErrorInfo and BadRequest, all of it: Nest, the error, its line of log; the worse Nest',
  clientDecodeMicros:
    'µs of CPU to make the error that the application gets, of its own class, of what grpc-js gives: details read, class looked up',
  clientSuccessOverRawMicros:
    'µs of CPU that a call costs with our client, over grpc-js alone: more than half of it is to remember where it was made',
  clientRefusalOverRawMicros:
    'µs of CPU that a refused call costs with our client, over grpc-js alone',
  vsNiceGrpcError: 'CPU of a refused call, ours on Nest over nice-grpc with its error details',
  thousandMappingsVsOne: 'CPU of a refused call with a thousand mappings over that with one',
  listenersLeft: 'listeners that calls have left at what they were made of, after they have ended',
  heapGrowthMiB: 'MiB of heap after a forced collection that those calls leave',
  endToEndVsRaw: 'CPU of the server per call over loopback, ours on Nest over grpc-js alone',
  endToEndBareVsRaw: 'the same of Nest alone',
  endToEndStorageVsRaw:
    'the same of Nest with an AsyncLocalStorage that is in use, and nothing of ours: what Node takes for any',
};

export type Key = keyof typeof figures;
