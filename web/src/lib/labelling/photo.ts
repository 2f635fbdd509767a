import { Problem } from "../api/problem";

/** Loads and decodes, so that the photo is shown without a pause when its turn comes. */
export async function loadPhoto(url: string): Promise<HTMLImageElement> {
  const photo = new Image();
  photo.decoding = "async";
  photo.src = url;
  try {
    await photo.decode();
  } catch {
    throw new Problem(-1, "PHOTO_UNREADABLE", url);
  }
  return photo;
}
