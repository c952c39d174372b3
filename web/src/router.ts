import { createRouter, createWebHistory } from 'vue-router'
import CallsPage from './pages/CallsPage.vue'

export const router = createRouter({
  history: createWebHistory('/ui/'),
  routes: [
    { path: '/', name: 'calls', component: CallsPage },
    { path: '/calls/:id', name: 'call', component: () => import('./pages/CallPage.vue'), props: true },
    { path: '/upload', name: 'upload', component: () => import('./pages/UploadPage.vue') },
    { path: '/dashboard', name: 'dashboard', component: () => import('./pages/DashboardPage.vue') },
    { path: '/deliveries', name: 'deliveries', component: () => import('./pages/DeliveriesPage.vue') },
    { path: '/access', name: 'access', component: () => import('./pages/AccessPage.vue') },
    { path: '/health', name: 'health', component: () => import('./pages/HealthPage.vue') },
    { path: '/:rest(.*)*', name: 'lost', component: () => import('./pages/LostPage.vue') },
  ],
  scrollBehavior: (_to, _from, kept) => kept ?? { top: 0 },
})
