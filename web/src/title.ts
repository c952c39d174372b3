import { ref } from 'vue'

/** What the window is about, where that is more than the name of the page. */
export const subject = ref('')
