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
    return (record) => (record.value === null ? keep : enrich(orderOf(record), wanted));
  },
});

function orderOf(record: InputRecord): JsonObject {
  let order: unknown;
  try {
    order = record.json();
  } catch {
    // not UTF-8, or not JSON
  }
  if (!isObject(order)) throw new Rejected('the value is not a JSON object');
  return order;
}

function enrich(order: JsonObject, wanted: ReadonlySet<string>): Verdict {
  const { status, customer } = order;
  if (typeof status !== 'string') throw new Rejected('status is not a string');
  if (!wanted.has(status)) return drop;
  const total = wholeNumber(order, 'quantity') * wholeNumber(order, 'price_cents');
  if (!Number.isSafeInteger(total)) throw new Rejected('total_cents is too large');
  if (isObject(customer) && typeof customer.email === 'string') customer.email = maskEmail(customer.email);
  order.total_cents = total;
  delete order.internal_note;
  return emit({ value: JSON.stringify(order) });
}
