// The types of ironclaw.js, for editors.
export type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
export type Schema = { [keyword: string]: Json };
export class Failure extends Error {}
export class InvalidInput extends Failure {}
export class Denied extends Failure {}
export class Unavailable extends Failure {}
export class Internal extends Failure {}
export function tool(name: string, description: string, args: { [name: string]: Schema }, action: (args: any) => unknown, preview?: (args: any) => Effect[]): void;
/** What willSend, willWrite and willDelete give. */
export type Effect = { [key: string]: Json };
export function willSend(request: { method?: string; url: string; headers?: { [name: string]: string }; body?: string; secret?: string | null }): Effect;
export function willWrite(path: string, text: string): Effect;
export function willDelete(path: string): Effect;
export function string(description: string, more?: Schema): Schema;
export function integer(description: string, more?: Schema): Schema;
export function number(description: string, more?: Schema): Schema;
export function boolean(description: string, more?: Schema): Schema;
export function oneOf(values: Json[], description: string, more?: Schema): Schema;
export function list(items: Schema, description: string, more?: Schema): Schema;
export function object(description: string, more?: Schema): Schema;
export function optional(schema: Schema): Schema;
export function http(request: {
  method?: string;
  url: string;
  headers?: { [name: string]: string };
  body?: string | Uint8Array;
  secret?: string | null;
}): { status: number; headers: { [name: string]: string }; body: Uint8Array; text: string | null };
export function log(message: string, level?: "debug" | "info" | "warn" | "error"): void;
export function nowMs(): number;
export function randomBytes(count: number): Uint8Array;
