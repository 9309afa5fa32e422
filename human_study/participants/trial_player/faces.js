// The faces of this trial and the next ones, fetched and decoded before they are drawn.

class Faces {
  // `isStopped()`: whether nothing is wanted any more; `stop()`: the server no longer knows the participant.
  constructor(alt, isStopped, stop) {
    Object.assign(this, { alt, isStopped, stop });
    this.images = new Map();
  }

  // Resolves to a decoded image, or to null where the trial has none.
  of(trial) {
    if (!trial.image) return null;
    if (!this.images.has(trial.key)) this.images.set(trial.key, this.load(trial));
    return this.images.get(trial.key);
  }

  async load(trial) {
    for (let attempt = 0; !this.isStopped(); attempt += 1) {
      try {
        const response = await fetch(trial.image, { signal: AbortSignal.timeout(REQUEST_TIMEOUT_MS) });
        if (response.status === 401 || response.status === 403) this.stop();
        if (response.ok) {
          // Decoded beforehand and painted with the frame that it is put into, not in a later one.
          const attributes = { class: "face", alt: this.alt, width: "256", height: "256", decoding: "sync" };
          const image = element("img", attributes);
          image.src = URL.createObjectURL(await response.blob());
          await image.decode();
          return image;
        }
      } catch {
        // No connection: try again. A face further ahead than the server serves yet comes by trying, too.
      }
      await pause(retryDelay(attempt));
    }
    return null;
  }

  async forget(trialKey) {
    const image = await this.images.get(trialKey);
    this.images.delete(trialKey);
    if (image) URL.revokeObjectURL(image.src);
  }

  forgetAll() {
    for (const trialKey of [...this.images.keys()]) this.forget(trialKey);
  }
}
