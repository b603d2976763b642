import { describe, expect, it } from 'vitest';
import {
  mayBeSame,
  virtualHostIn,
  virtualHostOfUrls,
  virtualHostText,
} from '../../src/core/virtual-host.js';

describe('the name of a virtual host', () => {
  it.each([
    [`NOT_FOUND - no queue 'q' in vhost '/'`, '/'],
    [
      `Operation failed: QueueDeclare; 404 (NOT-FOUND) with message "NOT_FOUND - no queue 'q' in vhost 'eve's'"`,
      "eve's",
    ],
    // The broker cuts its words off after 255 bytes.
    [`NOT_FOUND - no queue 'q' in vhost 'a very long`, undefined],
    ['NOT_FOUND', undefined],
  ])('is in %j', (words, name) => {
    expect(virtualHostIn(words)).toBe(name);
  });

  it.each([
    ['amqp://h', '/'],
    ['amqp://h/', '/'],
    ['amqp://h/%2f', '/'],
    ['amqps://u:p@h:5671/eve%27s%2Fshop?heartbeat=5', "eve's/shop"],
    [['amqp://a/shop', 'amqp://b/shop'], 'shop'],
    [['amqp://a/shop', 'amqp://b/other'], undefined],
    [[], undefined],
    [{ hostname: 'h', vhost: 'shop' }, 'shop'],
    [{ hostname: 'h' }, '/'],
    [{ url: 'amqp://h/shop', connectionOptions: {} }, 'shop'],
    ['h', undefined],
    [undefined, undefined],
    [7, undefined],
  ])('of %j is as amqplib reads it', (urls, name) => {
    expect(virtualHostOfUrls(urls)).toBe(name);
  });
});

it.each([
  [['c', 'v'], ['c', 'v'], true],
  [['c', 'v'], ['d', 'v'], false],
  [['c', 'v'], ['c', 'w'], false],
  [[undefined, 'v'], ['c', 'v'], true],
  [['c', undefined], ['c', 'v'], true],
  [[undefined, 'v'], ['c', 'w'], false],
])('%j and %j may be the same: %s', ([cluster, name], [otherCluster, otherName], isSame) => {
  const [one, other] = [
    { cluster, name },
    { cluster: otherCluster, name: otherName },
  ];
  expect(mayBeSame(one, other)).toBe(isSame);
  expect(mayBeSame(other, one)).toBe(isSame);
});

it.each([
  ['c', 'v', 'virtual host "v" of cluster "c"'],
  [undefined, 'v', 'virtual host "v"'],
  ['c', undefined, 'a virtual host that has no name of cluster "c"'],
])('cluster %s, name %s: %s', (cluster, name, text) => {
  expect(virtualHostText({ cluster, name })).toBe(text);
});
