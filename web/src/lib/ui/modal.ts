/** Opens the dialog it is put on as a modal one; the browser then keeps focus within, and gives it back. */

export function modal(dialog: HTMLDialogElement): { destroy: () => void } {
  dialog.showModal();
  return { destroy: () => dialog.close() };
}
