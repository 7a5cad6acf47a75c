/** The address with its first character and its domain alone; nothing of what is no address. */
export function maskEmail(email: string): string {
  const at = email.lastIndexOf('@');
  const first = email.codePointAt(0);
  if (at < 0 || first === undefined || email.startsWith('@')) return '***';
  return `${String.fromCodePoint(first)}***@${email.slice(at + 1)}`;
}
