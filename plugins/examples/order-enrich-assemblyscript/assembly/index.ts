/** Checks orders, adds their total and takes out what is not for everybody. */

import {
  Buffer, Bytes, Config, Fields, JsonKind, JsonReader, NOT_WHOLE, Plugin, Record, Stage, Verdict,
  drop, emit, jsonKind, jsonText, jsonWhole, keep, register, reject,
} from "sluicebox-plugin-assemblyscript/assembly";
import { pushMasked } from "./mask";

/** The largest whole number that every JSON reader holds exactly. */
const MAX_WHOLE: i64 = (1 << 53) - 1;

class OrderEnrich extends Plugin {
  private statuses: string[];
  private order: JsonReader = new JsonReader();
  private customer: JsonReader = new JsonReader();
  private enriched: Buffer = new Buffer();
  private status: Bytes = new Bytes();
  private quantity: Bytes = new Bytes();
  private price: Bytes = new Bytes();

  constructor(config: Config, _stage: Stage) {
    super(Fields.VALUE);
    this.statuses = config.strings("statuses");
    if (this.statuses.length == 0) config.fail("statuses", "must name at least one status");
  }

  process(record: Record): Verdict {
    const value = record.value;
    if (value === null) return keep;
    if (!this.read(value)) return reject("the value is not a JSON object");
    if (!isKind(this.status, JsonKind.TEXT)) return reject("status is not a string");
    if (!this.statuses.includes(jsonText(this.status))) return drop;
    const quantity = wholeNumber(this.quantity);
    if (quantity == NOT_WHOLE) return reject("quantity is not a whole number");
    const price = wholeNumber(this.price);
    if (price == NOT_WHOLE) return reject("price_cents is not a whole number");
    if (price != 0 && abs(quantity) > MAX_WHOLE / abs(price)) return reject("total_cents is too large");
    this.pushKey('"total_cents"').pushInteger(quantity * price).pushByte(0x7d);
    return emit().value(this.enriched);
  }

  /** Copies the members that stay, and remembers those that count; false where the value is no JSON object. */
  private read(value: Bytes): bool {
    const order = this.order;
    this.enriched.clear().pushByte(0x7b);
    this.status.set(0, 0);
    this.quantity.set(0, 0);
    this.price.set(0, 0);
    if (!order.openMap(value)) return false;
    while (order.next()) {
      if (order.keyIs("total_cents") || order.keyIs("internal_note")) continue;
      const isCustomer = order.keyIs("customer") && order.kind == JsonKind.MAP;
      if (order.keyIs("status")) this.status.set(order.value.at, order.value.length);
      else if (order.keyIs("quantity")) this.quantity.set(order.value.at, order.value.length);
      else if (order.keyIs("price_cents")) this.price.set(order.value.at, order.value.length);
      this.startMember().pushByte(0x22).push(order.key).push('":');
      if (isCustomer) this.pushCustomer(order.value);
      else this.enriched.push(order.value);
    }
    return !order.failed;
  }

  /** The customer with a masked email. */
  private pushCustomer(value: Bytes): void {
    const customer = this.customer;
    const enriched = this.enriched;
    let from = value.at;
    customer.openMap(value);
    while (customer.next()) {
      if (!customer.keyIs("email") || customer.kind != JsonKind.TEXT) continue;
      enriched.pushRaw(from, <i32>(customer.value.at - from));
      pushMasked(enriched, customer.value);
      from = customer.value.at + customer.value.length;
    }
    enriched.pushRaw(from, <i32>(value.at + value.length - from));
  }

  private pushKey(key: string): Buffer {
    return this.startMember().push(key).pushByte(0x3a);
  }

  private startMember(): Buffer {
    return this.enriched.length > 1 ? this.enriched.pushByte(0x2c) : this.enriched;
  }
}

function isKind(value: Bytes, kind: JsonKind): bool {
  return value.length > 0 && jsonKind(value) == kind;
}

function wholeNumber(value: Bytes): i64 {
  return isKind(value, JsonKind.NUMBER) ? jsonWhole(value) : NOT_WHOLE;
}

register<OrderEnrich>();
