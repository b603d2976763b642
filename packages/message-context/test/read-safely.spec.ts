import { callSafely, inspectSafely, readSafely, readText } from '@acme/nest-message-context/kit';
import { describe, expect, it } from 'vitest';

const hostile = {
  get message(): string {
    throw new Error('no');
  },
  fails(): never {
    throw new Error('no');
  },
};

describe('whatever was thrown', () => {
  it.each([undefined, null, 7, 'text', Symbol('s'), hostile, () => {}, Object.create(null)])(
    'is read, and fails nobody: %#',
    (value) => {
      expect(readSafely(value, 'message')).toBeUndefined();
      expect(readText(value, 'message')).toBeUndefined();
      expect(callSafely(value, 'fails')).toBeUndefined();
      expect(inspectSafely(value)).not.toBe('');
    },
  );

  it('says what it says', () => {
    const error = Object.assign(new Error('m'), { code: '', say: () => 'said' });
    expect(readSafely(error, 'message')).toBe('m');
    expect([readText(error, 'message'), readText(error, 'code')]).toEqual(['m', undefined]);
    expect(callSafely(error, 'say')).toBe('said');
    expect(readSafely(Error, 'name')).toBe('Error');
    expect(inspectSafely({ code: 'E_FULL' })).toBe("{ code: 'E_FULL' }");
  });
});
