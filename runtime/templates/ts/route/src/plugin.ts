// Sends the records whose value contains a text to an output of the pipeline; the others go on.

import { definePlugin, emit, keep } from 'sluicebox-plugin';
import { string } from 'sluicebox-plugin/config';

export default definePlugin({
  config: { contains: string, output: string },
  needs: ['value'],

  init({ contains, output }, stage) {
    stage.checkOutput(output);
    return (record) => (record.text()?.includes(contains) ? emit({ to: output }) : keep);
  },
});
