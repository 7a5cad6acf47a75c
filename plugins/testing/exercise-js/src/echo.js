const decoder = new TextDecoder();

/** All fields of a record as text. */
export function echo(record) {
  const headers = record.headers.map(([name, value]) => `${name}:${text(value)}`).join(',');
  const { topic, partition, offset } = record.source ?? { topic: null, partition: null, offset: null };
  return (
    `key=${text(record.key)};headers=${headers};timestamp=${record.timestamp};` +
    `topic=${topic};partition=${partition};offset=${offset}`
  );
}

function text(bytes) {
  return bytes === null ? 'null' : decoder.decode(bytes);
}
