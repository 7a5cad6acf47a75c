// Puts a prefix before every value.

import { definePlugin, emit, keep, reject } from 'sluicebox-plugin';
import { string } from 'sluicebox-plugin/config';

export default definePlugin({
  config: { prefix: string },
  needs: ['value'],

  init({ prefix }) {
    return (record) => {
      const text = record.text();
      if (text === null) return keep;
      if (text === '') return reject('the value is empty');
      return emit({ value: prefix + text });
    };
  },
});
