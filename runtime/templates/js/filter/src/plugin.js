// Keeps the records whose value contains a text, and drops the others.

import { definePlugin, drop, keep } from 'sluicebox-plugin';
import { string } from 'sluicebox-plugin/config';

export default definePlugin({
  config: { contains: string },
  needs: ['value'],

  init({ contains }) {
    return (record) => {
      const text = record.text();
      return text === null || text.includes(contains) ? keep : drop;
    };
  },
});
