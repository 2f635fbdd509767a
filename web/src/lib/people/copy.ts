/** Copies the text of a field. Over plain HTTP from elsewhere there is no clipboard: then what is selected is copied. */
export async function copied(field: HTMLInputElement): Promise<boolean> {
  field.select();
  try {
    await navigator.clipboard.writeText(field.value);
    return true;
  } catch {
    return document.execCommand("copy");
  }
}
