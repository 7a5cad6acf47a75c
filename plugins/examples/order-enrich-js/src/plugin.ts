// `order-enrich` keeps the orders that have one of some statuses, hides the customer's e-mail, adds `total_cents` and
// removes `internal_note`. All other fields keep their values.

import { ConfigError, definePlugin, drop, emit, keep, Rejected, type InputRecord, type Verdict } from 'sluicebox-plugin';
import { list, string } from 'sluicebox-plugin/config';
import { maskEmail } from './email.ts';
import { isObject, wholeNumber, type JsonObject } from './json.ts';

export default definePlugin({
  config: { statuses: list(string) },
  needs: ['value'],

  init({ statuses }) {
    if (statuses.length === 0) throw new ConfigError('config.statuses: must name at least one status');
    const wanted = new Set(statuses);
    return (record) => {
      const order = orderOf(record);
      return order === undefined ? keep : enrich(order, wanted);
    };
  },
});

/** The order that a record's value is; undefined where it is null. */
function orderOf(record: InputRecord): JsonObject | undefined {
  let order: unknown = null;
  try {
    order = record.json();
  } catch {
    // not UTF-8, or not JSON
  }
  if (order !== undefined && !isObject(order)) throw new Rejected('the value is not a JSON object');
  return order;
}

function enrich(order: JsonObject, wanted: ReadonlySet<string>): Verdict {
  const { status, customer } = order;
  if (typeof status !== 'string') throw new Rejected('status is not a string');
  if (!wanted.has(status)) return drop;
  const total = wholeNumber(order, 'quantity') * wholeNumber(order, 'price_cents');
  if (Math.abs(total) > Number.MAX_SAFE_INTEGER) throw new Rejected('total_cents is too large');
  if (isObject(customer) && typeof customer.email === 'string') customer.email = maskEmail(customer.email);
  order.total_cents = total;
  order.internal_note = undefined; // JSON.stringify leaves it out, and `delete` would make a slow object of the order
  return emit({ value: JSON.stringify(order) });
}
